const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/i;
const LONGEST = 255;

/** A name for people: the last part of whatever path a client sent, without control characters. It never becomes part of a path here. */
export function cleanFilename(given: string | null | undefined): string {
  const last = (given ?? '').split(/[/\\]/).at(-1) ?? '';
  // also the marks that turn the direction of text round and so hide a name's true ending
  const clean = last
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '')
    .trim()
    .slice(0, LONGEST);
  return clean === '' || clean === '.' || clean === '..' ? 'upload' : clean;
}

export function cleanMediaType(given: string | null | undefined): string {
  const bare = (given ?? '').split(';')[0]?.trim() ?? '';
  return MEDIA_TYPE.test(bare) ? bare.toLowerCase() : 'application/octet-stream';
}
