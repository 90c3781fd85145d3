/** A number whose decimal text is not that of its nearest double, kept for DECIMAL columns. */
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
