import { pinyin } from 'pinyin-pro';
import { createLexicon, type Lexicon } from './lexicon.js';

/** Chinese texts by how they sound. */
export interface Pinyin {
  /** Texts of this reading, written without blanks or tones: "luojihuigui". */
  read(reading: string): readonly string[];
  /** Texts whose syllables begin so: "ljhg". */
  begin(initials: string): readonly string[];
  readonly readings: Lexicon;
}
export interface PinyinBuilder {
  add(text: string): void;
  finish(): Pinyin;
}

/** Longer names have too many readings, and nobody types them. */
const LONGEST = 16;
/** Readings that are kept of a text with characters of several. */
const MOST_READINGS = 4;
/** Two initials are shared by dozens of names. */
const SHORTEST_INITIALS = 3;

/** Readings of a text as lists of syllables, the usual one first; Latin parts stand as they are. */
function readingsOf(text: string): string[][] {
  const all = pinyin(text, { type: 'all', toneType: 'none', nonZh: 'consecutive', toneSandhi: false });
  const usual = all.map((c) => c.pinyin || c.origin);
  const found = [usual];
  all.forEach(({ polyphonic }, i) => {
    for (const other of polyphonic)
      if (other !== usual[i] && found.length < MOST_READINGS) found.push(usual.with(i, other));
  });
  return found;
}

const ascii = (text: string): string => text.replaceAll('ü', 'v');

export function createPinyin(): PinyinBuilder {
  const byReading = new Map<string, Set<string>>();
  const byInitials = new Map<string, Set<string>>();
  const seen = new Set<string>();
  const put = (table: Map<string, Set<string>>, key: string, text: string): void => {
    const held = table.get(key);
    if (held) held.add(text);
    else table.set(key, new Set([text]));
  };
  return {
    add(text) {
      if (text.length > LONGEST || seen.has(text)) return;
      seen.add(text);
      for (const syllables of readingsOf(text)) {
        put(byReading, ascii(syllables.join('')), text);
        if (syllables.length >= SHORTEST_INITIALS) put(byInitials, syllables.map((s) => s[0] ?? '').join(''), text);
      }
    },
    finish() {
      const lists = (table: Map<string, Set<string>>) => new Map([...table].map(([key, texts]) => [key, [...texts]]));
      const [read, begin] = [lists(byReading), lists(byInitials)];
      return {
        read: (reading) => read.get(reading) ?? [],
        begin: (initials) => begin.get(initials) ?? [],
        readings: createLexicon(read.keys()),
      };
    },
  };
}
