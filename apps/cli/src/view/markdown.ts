import type { Nodes, Parents } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import type { Io } from '../io.js';
import { indented, unbroken } from './wrap.js';

/** The words of a paragraph: emphasis is left out, a link names its address. */
function words(node: Nodes): string {
  switch (node.type) {
    case 'text':
    case 'inlineCode':
      return node.value;
    case 'break':
      return '\n';
    case 'image':
      return node.alt ?? '';
    case 'link': {
      const text = node.children.map(words).join('');
      return text === node.url ? text : `${text} (${node.url})`;
    }
    default:
      return 'children' in node ? (node as Parents).children.map(words).join('') : '';
  }
}

function block(io: Io, node: Nodes, width: number, indent: string): string[] {
  switch (node.type) {
    case 'heading':
      return [`${indent}${io.paint('bold', words(node))}`];
    case 'code':
      return [node.value.replaceAll(/^/gm, `${indent}    `)];
    case 'thematicBreak':
      return [`${indent}${'─'.repeat(Math.min(20, width))}`];
    case 'blockquote':
      return node.children.flatMap((c) => block(io, c, width, `${indent}│ `));
    case 'list':
      return [
        node.children
          .map((item, i) => {
            const mark = node.ordered ? `${(node.start ?? 1) + i}. ` : '- ';
            const inner = indent + ' '.repeat(mark.length);
            const text = item.children.flatMap((c) => block(io, c, width, inner)).join('\n');
            return indent + mark + text.slice(inner.length);
          })
          .join('\n'),
      ];
    default: {
      const text = words(node);
      return text ? [indented(unbroken(text), width, indent)] : [];
    }
  }
}

/** Markdown for a terminal: blocks parted by blank lines, in lines of at most `width` columns. */
export const markdown = (io: Io, text: string, width: number, indent = ''): string =>
  fromMarkdown(text)
    .children.flatMap((c) => block(io, c, width, indent))
    .join('\n\n');
