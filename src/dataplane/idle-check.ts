/** Tells whether anything has moved since it was looked at last. */
export class IdleCheck {
  private bytes = 0;
  private waiting = 0;

  /**
   * True when it was quiet: nothing new was read (`bytes`, in all), and of what `waiting` bytes were under way nothing
   * arrived. A slow reader can take minutes for what is buffered, without anything new being read for it.
   */
  look(bytes: number, waiting: number): boolean {
    const quiet = bytes === this.bytes && (waiting === 0 || waiting === this.waiting);
    this.bytes = bytes;
    this.waiting = waiting;
    return quiet;
  }

  /** From here on: `bytes` were read so far. */
  begin(bytes: number): void {
    this.bytes = bytes;
  }
}
