/** A number whose decimal text says more than a double can hold, kept for DECIMAL columns. */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** The nearest double. */
  get value(): number {
    return Number(this.text);
  }
}
