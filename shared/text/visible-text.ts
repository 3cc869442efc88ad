import { z } from 'zod';

/**
 * The rule for text that a person gives and that lists, logs and terminals show. Two texts that look equal must be
 * equal, and a text must not change how the text around it is displayed.
 */

/** Joiners and variation selectors, which scripts and emoji need. They are allowed beside visible characters. */
const JOINERS = String.raw`\u200c\u200d\u180b-\u180d\u180f\ufe00-\ufe0f\u{e0100}-\u{e01ef}`;
/** Control, unassigned, private and surrogate code points, line separators, and characters that are not displayed. */
const NOT_DISPLAYED = String.raw`\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb`;
const REJECTED = new RegExp(String.raw`[[\p{Cc}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}${NOT_DISPLAYED}]--[${JOINERS}]]`, 'v');
const REJECTED_EVERYWHERE = new RegExp(REJECTED, 'gv');
/** Characters that are displayed. U+2800 is a symbol without dots. */
const VISIBLE = /[[\p{L}\p{N}\p{P}\p{S}]--[\p{Default_Ignorable_Code_Point}\u2800]]/v;
const LINE_BREAKS = /[\t\n\r]/g;

const REPLACEMENT_CHARACTER = '\ufffd';

/**
 * Every identifier is shorter. The normalization of a text with many combining marks takes time that grows with the
 * square of its length.
 */
const MAX_NORMALIZED_CHARACTERS = 1_000;

export interface TextRule {
  /** For names that are compared: the text must be in the normalization form NFC, and not begin or end with a space. */
  identifier?: boolean;
  /** For texts of several lines: tabs and line breaks are allowed. */
  multiline?: boolean;
}

/** What is wrong with a text, as a sentence part that follows its name; undefined for a valid text. */
export function textProblem(
  text: string,
  { identifier = false, multiline = false }: TextRule = {},
): string | undefined {
  const rejected = rejectedCharacter(multiline ? text.replaceAll(LINE_BREAKS, ' ') : text);
  if (rejected !== undefined) return `must not contain ${rejected}`;
  if (text === '') return 'must not be empty';
  if (!VISIBLE.test(text)) return `must contain a visible character, not only ${codePointsOf(text)}`;
  if (!identifier) return undefined;
  if (text !== text.trim()) return 'must not begin or end with a space';
  const beginning = text.slice(0, MAX_NORMALIZED_CHARACTERS);
  return beginning === beginning.normalize('NFC') ? undefined : notNormalized(beginning);
}

/** The first character that is rejected, such as `the bidirectional control character U+202E`. */
export function rejectedCharacter(text: string): string | undefined {
  const character = REJECTED.exec(text)?.[0];
  return character === undefined ? undefined : `the ${kindOf(character)} ${codePointOf(character)}`;
}

/** Replaces the characters that textProblem rejects, for names and messages of files, programs and servers. */
export function printable(text: string): string {
  return text.replaceAll(REJECTED_EVERYWHERE, REPLACEMENT_CHARACTER);
}

/** A schema for text of 1 to `max` characters that follows the rule. */
export function visibleText(max: number, rule: TextRule = {}) {
  return z
    .string()
    .min(1)
    .max(max)
    .refine((text) => text === '' || textProblem(text, rule) === undefined, {
      error: ({ input }) => textProblem(input as string, rule),
    });
}

const KINDS: [RegExp, string][] = [
  [/\p{Cc}/u, 'control character'],
  [/\p{Bidi_Control}/u, 'bidirectional control character'],
  [/[\p{Zl}\p{Zp}]/u, 'line separator'],
  [/\p{Co}/u, 'private-use character'],
  [/\p{Cs}/u, 'lone surrogate'],
  [/\p{Cn}/u, 'unassigned character'],
];

function kindOf(character: string): string {
  return KINDS.find(([pattern]) => pattern.test(character))?.[1] ?? 'invisible character';
}

function codePointOf(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Code points that a message lists. */
const MAX_LISTED = 3;

function codePointsOf(text: string): string {
  const points = [...new Set([...text].slice(0, MAX_LISTED + 1).map(codePointOf))];
  return `${points.slice(0, MAX_LISTED).join(', ')}${points.length > MAX_LISTED ? ', …' : ''}`;
}

/** A character with its combining marks, or the parts of a Hangul syllable. */
const CLUSTER = /[\u1100-\u11ff]+|\P{M}?\p{M}+|\P{M}/gu;

function notNormalized(text: string): string {
  const cluster = text.match(CLUSTER)?.find((part) => part !== part.normalize('NFC')) ?? text;
  const points = (part: string) => [...part].slice(0, MAX_LISTED).map(codePointOf).join(' ');
  return (
    `must be in the Unicode normalization form NFC: write ${points(cluster)} as ` + points(cluster.normalize('NFC'))
  );
}
