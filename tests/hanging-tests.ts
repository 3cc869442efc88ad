import type { ReportedHookContext, Reporter, TestModule } from 'vitest/node';

/** Longer than every test and hook takes, except the build of images. */
const SILENCE_MS = 5 * 60_000;

/**
 * A reporter that prints the test files, tests and hooks in progress while none of them begins or ends for a long time.
 * CI uses it, so that the log of a run that hangs names the cause.
 */
export default class HangingTests implements Reporter {
  private readonly unfinished = new Set<string>();
  private timer: NodeJS.Timeout | undefined;

  onTestRunStart = () => {
    this.timer = setInterval(() => {
      console.log(`Nothing began or ended in the last ${SILENCE_MS / 60_000} minutes. In progress:`);
      for (const name of this.unfinished) console.log(`  ${name}`);
    }, SILENCE_MS).unref();
  };
  onTestRunEnd = () => clearInterval(this.timer);

  onTestModuleQueued = (module: TestModule) => this.begin(nameOf(module));
  onTestModuleEnd = (module: TestModule) => this.end(nameOf(module));
  onTestCaseReady: Reporter['onTestCaseReady'] = (test) => this.begin(`${nameOf(test.module)}: ${test.fullName}`);
  onTestCaseResult: Reporter['onTestCaseResult'] = (test) => this.end(`${nameOf(test.module)}: ${test.fullName}`);
  onHookStart = (hook: ReportedHookContext) => this.begin(nameOfHook(hook));
  onHookEnd = (hook: ReportedHookContext) => this.end(nameOfHook(hook));

  private begin(name: string): void {
    this.unfinished.add(name);
    this.timer?.refresh();
  }

  private end(name: string): void {
    this.unfinished.delete(name);
    this.timer?.refresh();
  }
}

const nameOf = (module: TestModule) => `${module.project.name} ${module.relativeModuleId}`;

function nameOfHook({ name, entity }: ReportedHookContext): string {
  if (entity.type === 'module') return `${nameOf(entity)}: ${name}`;
  return `${nameOf(entity.module)}: ${name} of ${entity.fullName}`;
}
