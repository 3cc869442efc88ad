#!/usr/bin/env node
// @ts-check
/**
 * `sluice`: executes cli/main.ts with a Node that runs TypeScript: this one, or, if it is too old, that of the npm
 * package `node`. Plain JavaScript, because this file runs on Node 18.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The first release that runs TypeScript without a flag. */
const OLDEST_NODE = { major: 22, minor: 18 };
const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Wrong usage, as in cli/run-command.ts. */
const EXIT_USAGE = 2;
/** 128 + SIGHUP, the convention of shells for a program whose parent has ended. */
const EXIT_PARENT_ENDED = 129;
/** 128 + SIGPIPE, the convention of shells for a program whose reader has ended. */
const EXIT_READER_ENDED = 141;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > OLDEST_NODE.major || (major === OLDEST_NODE.major && minor >= OLDEST_NODE.minor)) await runHere();
else runWith(join(ROOT, 'node_modules', '.bin', 'node'));

async function runHere() {
  endWithParent();
  endWithReader();
  try {
    // The same settings as `npm start`.
    if (existsSync(join(ROOT, '.env'))) process.loadEnvFile(join(ROOT, '.env'));
    const { main } = await import('./main.ts');
    process.exitCode = await main(process.argv.slice(2));
  } catch (thrown) {
    // main() handles the errors of commands. Other errors mean that a package is missing.
    console.error(thrown instanceof Error ? `sluice: ${thrown.message}` : thrown);
    process.exitCode = EXIT_USAGE;
  }
}

/** Ends this process when its parent has ended. A killed parent cannot forward a signal, but its channel is closed. */
function endWithParent() {
  process.once('disconnect', () => process.exit(EXIT_PARENT_ENDED));
  process.channel?.unref(); // The listener alone must not keep the process alive.
}

/** Ends this process when the reader of its output, such as `head`, has ended. */
function endWithReader() {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(EXIT_READER_ENDED);
    });
}

/** @param {string} node */
function runWith(node) {
  if (!existsSync(node)) {
    console.error(
      `sluice: Node ${OLDEST_NODE.major}.${OLDEST_NODE.minor} or newer is required, not ${process.versions.node}. ` +
        'Run npm start once: it installs its own Node.',
    );
    process.exitCode = EXIT_USAGE;
    return;
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  child.on('error', (error) => {
    console.error(`sluice: could not start ${node}: ${error.message}`);
    process.exitCode = EXIT_USAGE;
  });
  // A terminal sends Ctrl-C to both processes. The child handles it, and this process waits for its exit code.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + (signal === 'SIGINT' ? 2 : 15);
  });
}
