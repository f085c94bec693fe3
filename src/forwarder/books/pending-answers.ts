/** Questions to the data plane that are not answered yet. */
export class PendingAnswers<T> {
  private readonly waiting = new Map<number, (answer: T) => void>();
  private last = 0;

  /** Resolves with the answer to the question that `ask` puts under a number; never, if the data plane is dead. */
  to(ask: (id: number) => void): Promise<T> {
    this.last += 1;
    const id = this.last;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      ask(id);
    });
  }

  take(id: number, answer: T): void {
    this.waiting.get(id)?.(answer);
    this.waiting.delete(id);
  }
}
