export type Language = 'en' | 'zh';

/** A sentence ends at a full stop before white space, or at one of the Chinese script; a list or table line is one too. */
const SENTENCE = /[^.!?。！？；\n]+(?:[.!?](?=\S)[^.!?。！？；\n]*)*[.!?。！？；]?/gu;
/** Fewer characters say nothing by themselves. */
const SHORTEST: Readonly<Record<Language, number>> = { en: 24, zh: 8 };

export const sentencesOf = (text: string, language: Language): string[] =>
  (text.match(SENTENCE) ?? []).map((s) => s.trim()).filter((s) => s.length >= SHORTEST[language]);
