/** Words that questions are made of: they say nothing about what is asked. */
const ENGLISH = new Set(
  `a an the is are was were be been being am what which who whom whose how why when where do does did done can could should would will shall
  may might must i you we they he she it its my our your their me us them of in on at by for from to with and or as than that this these those
  there here between vs versus about into onto if so then not no any some such other also very just use used uses using usage work works
  working have has had get gets make makes made take takes want wants need needs let tell describe show find give please difference
  differences different best better good way ways one ones example examples list many much more most kind kinds sort does there's s t
  shi shenme zenme ruhe`
    .split(/\s+/)
    .filter(Boolean),
);

const CHINESE_PHRASES =
  `请问 什么是 是什么 什么样 什么 有哪些 哪些 哪个 哪种 哪家 哪里 哪几 怎么样 怎么办 怎么用 怎么做 怎么 怎样 如何 为什么 为何 干什么 做什么
  用什么 用来 用于 一下 介绍 可以 能否 能不能 可不可以 是否 是不是 有没有 多少 几种 几个 区别 差别 不同 之间 以及 关于 相关 应该 需要 想要
  我想 适合 最好 比较好 意思 一个 一种 这个 那个 这些 那些 时候`
    .split(/\s+/)
    .filter(Boolean);
const CHINESE_SINGLES = '的吗呢了吧啊么呀和与及或把被我你它是请谁哪';

const CHINESE = new RegExp(
  [...CHINESE_PHRASES.sort((a, b) => b.length - a.length), `[${CHINESE_SINGLES}]`].join('|'),
  'gu',
);

export const isStopWord = (word: string): boolean => ENGLISH.has(word);

/** Which characters of a Chinese run belong to stop words. */
export function stopsIn(run: string): boolean[] {
  const stops = new Array<boolean>(run.length).fill(false);
  for (const found of run.matchAll(CHINESE)) stops.fill(true, found.index, found.index + found[0].length);
  return stops;
}
