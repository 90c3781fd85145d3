/** A message that did not reach its target; the text says why, as the end of a sentence and without secrets. */
export class SendFailure extends Error {
  constructor(why: string) {
    super(why);
    this.name = "SendFailure";
  }
}
