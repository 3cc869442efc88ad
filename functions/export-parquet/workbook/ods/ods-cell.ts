import { type CellValue, isoDurationValue, isoValue, joinText, numberText } from '../cell-values.ts';
import type { LostCell } from '../sheet-writer.ts';
import type { ReadAttribute } from '../xml-reader.ts';

/** Elements of a cell whose text is not in its value: comments, phonetic hints, drawings and other foreign content. */
const NOT_IN_VALUE = /^(?:office:annotation|text:ruby-text|text:note|table:|\?)/;
/** What LibreOffice and Google show for an error. */
const ERROR = /^(?:#(?:N\/A|REF!|DIV\/0!|VALUE!|NAME\?|NUM!|NULL!)|Err:\d{3})$/;
/** LibreOffice writes booleans that it has read from XLSX as numbers with these formulas. */
const BOOLEAN_FORMULA = /^[a-z]+:=(TRUE|FALSE)\(\)$/;
/** The most spaces that one `text:s` element can represent. */
const MAX_SPACES = 32_767;

/** The cell of an ODS file that is being read (OpenDocument 1.2, 9.1.4). */
export class OdsCell {
  /** How often the cell is repeated to the right. */
  repeat = 1;
  isMerged = false;
  readonly #file: string;
  #depth = 0;
  /** The depth of the element whose content is left out; 0 for none. */
  #skipped = 0;
  /** Paragraphs, as LibreOffice shows them: blanks and line breaks in them are kept. */
  #text = '';
  #paragraphs = 0;
  #inParagraph = false;
  #type: string | undefined;
  #written: string | undefined;
  #hasFormula = false;
  /** The result of a formula that is a boolean. */
  #boolean: string | undefined;

  /** `file` is the name of the workbook, for messages. */
  constructor(file: string) {
    this.#file = file;
  }

  get isOpen(): boolean {
    return this.#depth > 0;
  }

  /** The text that a spreadsheet program shows for the cell. */
  get shown(): string {
    return this.#text;
  }

  start(read: ReadAttribute): void {
    this.#depth = 1;
    this.#skipped = 0;
    this.#text = '';
    this.#paragraphs = 0;
    this.#inParagraph = false;
    this.repeat = repeats(read('table:number-columns-repeated'));
    this.isMerged = repeats(read('table:number-columns-spanned')) > 1 || repeats(read('table:number-rows-spanned')) > 1;
    const formula = read('table:formula');
    this.#hasFormula = formula !== undefined;
    this.#boolean = formula && BOOLEAN_FORMULA.exec(formula)?.[1];
    this.#type = read('calcext:value-type') === 'error' ? 'error' : read('office:value-type');
    this.#written = this.#type === undefined ? undefined : read(ATTRIBUTE_OF[this.#type] ?? 'office:value');
  }

  open(name: string, read: ReadAttribute): void {
    this.#depth++;
    if (this.#skipped > 0) return;
    if (NOT_IN_VALUE.test(name)) this.#skipped = this.#depth;
    else if (this.#depth === 2) {
      this.#inParagraph = name === 'text:p' || name === 'text:h';
      if (this.#inParagraph && this.#paragraphs++ > 0) this.#add('\n');
    } else if (name === 'text:s') {
      const count = Math.min(MAX_SPACES, repeats(read('text:c')));
      this.#add(' '.repeat(count));
    } else if (name === 'text:tab') this.#add('\t');
    else if (name === 'text:line-break') this.#add('\n');
  }

  text(text: string): void {
    if (this.#inParagraph && this.#skipped === 0) this.#add(text);
  }

  /** Closes an element. Returns true for the cell itself. */
  close(): boolean {
    if (this.#skipped === this.#depth) this.#skipped = 0;
    if (this.#depth === 2) this.#inParagraph = false;
    return --this.#depth === 0;
  }

  value(): CellValue | LostCell {
    const written = this.#written ?? '';
    if (this.#type === 'error' || (this.#hasFormula && ERROR.test(this.#text))) return 'error';
    if (this.#type === undefined || this.#type === 'void')
      return this.#text === '' && this.#hasFormula ? 'formula' : textValue(this.#text);
    if (this.#type === 'string') return textValue(this.#written ?? this.#text);
    if (written === '') return this.#hasFormula ? 'formula' : textValue(this.#text);
    if (this.#boolean !== undefined) return { kind: 'boolean', text: this.#boolean };
    switch (this.#type) {
      case 'boolean':
        return { kind: 'boolean', text: written === 'true' ? 'TRUE' : 'FALSE' };
      case 'date':
        return isoValue(written);
      case 'time':
        return isoDurationValue(written);
      default: {
        const number = numberText(written);
        return number === undefined ? textValue(written) : { kind: 'number', text: number };
      }
    }
  }

  #add(text: string): void {
    this.#text = joinText(this.#text, text, this.#file);
  }
}

/** The attribute with the value of a type. Numbers, percentages and amounts of money have `office:value`. */
const ATTRIBUTE_OF: Record<string, string> = {
  string: 'office:string-value',
  boolean: 'office:boolean-value',
  date: 'office:date-value',
  time: 'office:time-value',
};

function textValue(text: string): CellValue {
  return { kind: 'text', text };
}

/** The value of an attribute such as `table:number-columns-repeated`; 1 without it. */
export function repeats(written: string | undefined): number {
  const count = Number(written ?? 1);
  return Number.isSafeInteger(count) && count > 0 ? count : 1;
}
