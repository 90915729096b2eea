/** What a shell reports for a process that a signal ended: 128 and the signal's number. */
const statuses = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof statuses;

/** Turns the first SIGINT or SIGTERM into an abort, so that what was begun is cleaned up; a second one ends the process. */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  #status: number | undefined;

  constructor() {
    for (const name of Object.keys(statuses)) process.once(name, this.#interrupt);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The exit status to end with; undefined when nothing interrupted. */
  get status(): number | undefined {
    return this.#status;
  }

  [Symbol.dispose](): void {
    for (const name of Object.keys(statuses)) process.off(name, this.#interrupt);
  }

  readonly #interrupt = (name: Signal): void => {
    this[Symbol.dispose]();
    this.#status = statuses[name];
    this.#controller.abort(new Error(`interrupted by ${name}`));
  };
}
