const HAN_RUN = /\p{Script=Han}+/gu;
const WORD = /[\p{L}\p{N}]+/gu;

/** Words of the Latin parts, in lower case and without accents: NFKD, so that full-width forms and "naïve" match their plain spelling. */
function words(text: string): string[] {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(HAN_RUN, ' ');
  return plain.match(WORD) ?? [];
}

/** Chinese is written without spaces: every pair of neighbouring characters is a term, and for the index every single one too. */
function hanTerms(text: string, singles: boolean): string[] {
  const terms: string[] = [];
  for (const [run] of text.normalize('NFKC').matchAll(HAN_RUN)) {
    const chars = [...run];
    if (singles || chars.length === 1) terms.push(...chars);
    for (let i = 0; i + 1 < chars.length; i++) terms.push(`${chars[i]}${chars[i + 1]}`);
  }
  return terms;
}

export const indexTerms = (text: string): string[] => [...words(text), ...hanTerms(text, true)];

/** A query of two or more characters is matched by its pairs only: single characters would match half of the map. */
export const queryTerms = (text: string): string[] => [...words(text), ...hanTerms(text, false)];

export const isHan = (term: string): boolean => /^\p{Script=Han}/u.test(term);
