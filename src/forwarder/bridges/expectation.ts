import { TproxyError, type Trouble } from '../../errors.ts';

/** The next step of somebody else, waited for one at a time. */
export class Expectation {
  private settle: ((error?: TproxyError) => void) | undefined;

  /** Resolves with `met()`; rejects with `failed()`, or with `late` after `timeoutMs`. */
  wait(timeoutMs: number, late: Trouble): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.failed(new TproxyError(late.what, late)), timeoutMs);
      this.settle = (error) => {
        clearTimeout(timer);
        this.settle = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
    });
  }

  met(): void {
    this.settle?.();
  }

  failed(error: TproxyError): void {
    this.settle?.(error);
  }
}
