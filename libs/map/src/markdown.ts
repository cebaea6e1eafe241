import type { Nodes } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';

/** Raw HTML, autolinks, links, images and definitions all need one of these; hardly any body has one, and parsing takes longer than all other checks. */
const SUSPECT = /[<[]/;
const SAFE_LINK = /^(https:\/\/|mailto:|#|\/)/i;

/** What a body must not hold, with its line in the text, counted from 1: raw HTML, and links that are neither https, mail nor local. Undefined when it is fine. */
export function unsafeMarkdown(text: string): { readonly line: number; readonly message: string } | undefined {
  if (!SUSPECT.test(text)) return undefined;
  const visit = (node: Nodes): { line: number; message: string } | undefined => {
    const line = node.position?.start.line ?? 1;
    if (node.type === 'html')
      return { line, message: `HTML is not allowed in Markdown: ${JSON.stringify(node.value.slice(0, 40))}` };
    if ((node.type === 'link' || node.type === 'image' || node.type === 'definition') && !SAFE_LINK.test(node.url))
      return {
        line,
        message: `the link ${JSON.stringify(node.url.slice(0, 60))} is neither https://, mailto:, / nor #`,
      };
    if ('children' in node)
      for (const child of node.children) {
        const found = visit(child);
        if (found) return found;
      }
    return undefined;
  };
  return visit(fromMarkdown(text));
}
