/** Word-level tokenizers, as `domain_tokenizer` and `word_tokenizer` make them. */

import type { TokenizerFile } from "./checkpoint";

export class Tokenizer {
  private readonly vocabulary: Map<string, number>;
  private readonly words: string[] = [];
  private readonly pieces: RegExp;
  private readonly glue: RegExp | null;

  constructor(file: TokenizerFile) {
    this.vocabulary = new Map(Object.entries(file.vocabulary));
    for (const [word, id] of this.vocabulary) this.words[id] = word;
    this.pieces = new RegExp(file.pieces, "gu");
    this.glue = file.glue === null ? null : new RegExp(file.glue, "gu");
  }

  /** Text -> token ids.
   *
   * @throws Error that names the first word outside the vocabulary.
   */
  encode(text: string): number[] {
    const parts = text.split(/\s+/u).flatMap((part) => part.match(this.pieces) ?? []);
    return parts.map((part) => {
      const id = this.vocabulary.get(part);
      if (id === undefined) throw new Error(`"${part}" is not in this planner's vocabulary: write it with other words`);
      return id;
    });
  }

  /** Token ids -> text; special tokens stay visible. */
  decode(ids: number[]): string {
    const words = ids.map((id) => this.words[id]);
    return this.glue ? words.join(" ").replace(this.glue, "") : words.join("");
  }
}
