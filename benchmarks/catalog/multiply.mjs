/**
 * A map of many times the size: copy I of an entry has the slug `slug-xI` and the names `X I`, and its edges, references and figures lead to
 * entries of the same copy. The first copy is the map itself. Texts are shared between copies; what is made of them is not.
 * It does not pass the checks of the content (aliases repeat), so it is joined with `assemble`, not with `buildMap`.
 * @param {readonly import('@strata/map').Entry[]} entries
 * @param {number} count entries to make, the last copy may be in part
 * @returns {Iterable<import('@strata/map').Entry>} makes them anew each time, so that they need not be in memory at once
 */
export const multiplied = (entries, count) => ({ [Symbol.iterator]: () => copiesOf(entries, count) });

function* copiesOf(entries, count) {
  let made = 0;
  for (let i = 0; made < count; i++)
    for (const entry of entries) {
      if (made === count) return;
      made++;
      yield i === 0 ? entry : copyOf(entry, i);
    }
}

function copyOf(entry, i) {
  const slugs = (list) => list.map((slug) => `${slug}-x${i}`);
  const { check } = entry.figure ?? {};
  return {
    ...entry,
    slug: `${entry.slug}-x${i}`,
    name: { en: `${entry.name.en} ${i}`, zh: `${entry.name.zh} ${i}` },
    references: slugs(entry.references),
    edges: Object.fromEntries(Object.entries(entry.edges).map(([kind, to]) => [kind, slugs(to)])),
    figure: entry.figure && {
      ...entry.figure,
      source: `${entry.figure.source}-x${i}`,
      check: check && {
        sum: check.sum && slugs(check.sum),
        percent: check.percent && {
          ...check.percent,
          part: `${check.percent.part}-x${i}`,
          whole: `${check.percent.whole}-x${i}`,
        },
      },
    },
  };
}
