import { type Finished, Program, type RunOptions, runToEnd, type Way } from './program.ts';

/** Somewhere a program can run: the root namespace of a sandbox, or a network namespace in it. */
export class Place {
  readonly #way: Way;
  readonly #started: Set<Program>;

  constructor(way: Way, started: Set<Program>) {
    this.#way = way;
    this.#started = started;
  }

  /** The command line that leads there; the program's own follows. */
  get enter(): readonly string[] {
    return this.#way.enter;
  }

  /** Runs a program to its end, whatever its exit status. */
  run(argv: readonly string[], options?: RunOptions): Promise<Finished> {
    return runToEnd(this.#way, argv, options);
  }

  /** Runs a bash script and resolves with its standard output; rejects with all it printed when it fails. */
  async sh(script: string, options?: RunOptions): Promise<string> {
    // Without --norc bash reads the machine's start-up files: Node's pipes are sockets, which it takes for a remote login.
    const { status, stdout, stderr } = await this.run(
      ['bash', '--norc', '-euo', 'pipefail', '-c', script],
      options,
    );
    if (status !== 0)
      throw new Error(`exit ${status} of:\n${script}\nstdout:\n${stdout}\nstderr:\n${stderr}`);
    return stdout;
  }

  /** Starts a program that runs beside the test. It is ended with the sandbox at the latest. */
  spawn(argv: readonly string[], options: { env?: Readonly<Record<string, string>> } = {}): Program {
    const program = new Program(this.#way, argv, options.env);
    this.#started.add(program);
    void program.exited.then(() => this.#started.delete(program));
    return program;
  }

  /** A network namespace with a name in `/run/netns`, reached from here. */
  netns(name: string): Place {
    const enter = [...this.enter, 'nsenter', `--net=/run/netns/${name}`, '--'];
    return new Place({ ...this.#way, enter }, this.#started);
  }
}
