/** A text for people, in both languages of Strata. */
export interface Localized {
  readonly en: string;
  readonly zh: string;
}
export type Language = keyof Localized;
