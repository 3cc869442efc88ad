#!/usr/bin/env node
// @ts-check
/**
 * `sluice`: starts cli/main.ts with a Node that runs TypeScript. The system's Node may be older: then the one that came with the
 * npm packages takes over. Plain JavaScript, for this file runs on Node 18.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The first release that runs TypeScript without a flag. */
const OLDEST = { major: 22, minor: 18 };
const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Wrong usage, as cli/exit-codes.ts has it: nothing was tried. */
const EXIT_USAGE = 2;
/** 128 + SIGHUP, as shells have it when whoever started a program is gone. */
const EXIT_ABANDONED = 129;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) await runHere();
else runWith(join(ROOT, 'node_modules', '.bin', 'node'));

async function runHere() {
  endWithParent();
  try {
    // The same settings as npm start has.
    if (existsSync(join(ROOT, '.env'))) process.loadEnvFile(join(ROOT, '.env'));
    const { main } = await import('./main.ts');
    process.exitCode = await main(process.argv.slice(2));
  } catch (thrown) {
    // Not one of the command's own errors: a package is missing.
    console.error(thrown instanceof Error ? `sluice: ${thrown.message}` : thrown);
    process.exitCode = EXIT_USAGE;
  }
}

/** The other Node tells by its channel that it is gone: killed, it can pass on no signal, and nobody waits for this one any more. */
function endWithParent() {
  process.once('disconnect', () => process.exit(EXIT_ABANDONED));
  process.channel?.unref(); // Listening alone is no reason to stay.
}

/** @param {string} node */
function runWith(node) {
  if (!existsSync(node)) {
    console.error(
      `sluice: Node ${OLDEST.major}.${OLDEST.minor} or newer is needed, and this is ${process.versions.node}. Run npm start once: it brings its own.`,
    );
    process.exitCode = EXIT_USAGE;
    return;
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  // A terminal sends Ctrl-C to both; the other one answers it, and this one waits for its exit code.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + (signal === 'SIGINT' ? 2 : 15);
  });
}
