import { describe, expect, it } from '@jest/globals';
import stringWidth from 'string-width';
import { createIo } from '../io.js';
import { translator } from '../messages.js';
import { markdown } from './markdown.js';
import { indented, shown, unbroken, wrap } from './wrap.js';

describe('wrap', () => {
  it('breaks between words, and inside one that is wider than a line', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('one two', 7)).toEqual(['one two']);
    expect(wrap('abcdefghij kl', 4)).toEqual(['abcd', 'efgh', 'ij', 'kl']);
    expect(wrap('', 10)).toEqual(['']);
    expect(wrap('a recipe-language-model', 10)).toEqual(['a', 'recipe-', 'language-', 'model']);
  });

  it('breaks between Chinese characters, which take two columns each', () => {
    expect(wrap('机器学习包含', 8)).toEqual(['机器学习', '包含']);
    expect(wrap('用 LoRA 微调', 7)).toEqual(['用 LoRA', '微调']);
  });

  it('begins no line with a closing mark and ends none with an opening one', () => {
    expect(wrap('机器学习，包含', 8)).toEqual(['机器学', '习，包含']);
    expect(wrap('机器（学习）', 6)).toEqual(['机器', '（学', '习）']);
  });

  it('is never wider than it may be', () => {
    const text =
      '国内参数量达十亿级以上的 79 个模型中，企业研发 36 个（45.57 %），其余 alternative-to something-long-and-dashed。';
    for (let width = 6; width < 60; width++)
      for (const line of wrap(text, width)) expect(stringWidth(line)).toBeLessThanOrEqual(width);
    expect(wrap(text, 24).join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
  });

  it('indents', () => {
    expect(indented('one two three', 10, '  ', '- ')).toBe('- one two\n  three');
  });
});

describe('text of others', () => {
  it('is shown without what could steer the terminal', () => {
    expect(shown('a\u001b[2Jb\u009b31mc\rd\ne\tf')).toBe('a[2Jb31mcd\ne  f');
  });
  it('is joined without blanks where the lines are Chinese', () => {
    expect(unbroken('生成内容，\n包括图像\nand text')).toBe('生成内容，包括图像 and text');
    expect(unbroken('one\ntwo')).toBe('one two');
    expect(unbroken('效果更好。\nQLoRA 用于\nLoRA')).toBe('效果更好。QLoRA 用于 LoRA');
  });
});

describe('markdown', () => {
  const sink = { write: () => true } as unknown as NodeJS.WriteStream;
  const io = createIo({ json: false, lang: 'en', t: translator('en'), colour: false, stdout: sink, stderr: sink });
  it('keeps lists, code and headings, and wraps the rest', () => {
    const text =
      '# Head\n\nSome *soft* words\nthat go on.\n\n- one\n- two [x](https://x.org/)\n\n1. a\n2. b\n\n```\nif x:\n  y\n```';
    expect(markdown(io, text, 20)).toBe(
      'Head\n\nSome soft words that\ngo on.\n\n- one\n- two x\n  (https://x.org/)\n\n1. a\n2. b\n\n    if x:\n      y',
    );
  });
});
