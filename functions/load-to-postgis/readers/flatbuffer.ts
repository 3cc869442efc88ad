/**
 * A table of a FlatBuffers message (flatbuffers.dev, "FlatBuffer Internals"). Reading outside of the message throws
 * RangeError, so that a damaged file cannot show bytes of another message.
 */
export class FlatTable {
  readonly #view: DataView;
  readonly #at: number;
  readonly #offsets: number;
  readonly #offsetsBytes: number;

  private constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
    this.#offsets = at - view.getInt32(at, true);
    this.#offsetsBytes = view.getUint16(this.#offsets, true);
  }

  static root(message: Uint8Array): FlatTable {
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    return new FlatTable(view, view.getUint32(0, true));
  }

  /** The position of the field with this number; 0 when it is missing. */
  #field(field: number): number {
    const slot = 4 + 2 * field;
    if (slot + 2 > this.#offsetsBytes) return 0;
    const offset = this.#view.getUint16(this.#offsets + slot, true);
    return offset === 0 ? 0 : this.#at + offset;
  }

  uint8(field: number): number {
    const at = this.#field(field);
    return at === 0 ? 0 : this.#view.getUint8(at);
  }

  uint16(field: number, otherwise: number): number {
    const at = this.#field(field);
    return at === 0 ? otherwise : this.#view.getUint16(at, true);
  }

  uint64(field: number): bigint {
    const at = this.#field(field);
    return at === 0 ? 0n : this.#view.getBigUint64(at, true);
  }

  text(field: number): string {
    return Buffer.from(this.bytes(field, 1)).toString('utf8');
  }

  /** The bytes of a vector with elements of this size, in the message. Empty when the field is missing. */
  bytes(field: number, elementBytes: number): Uint8Array {
    const { at, length } = this.#vector(field);
    if (at + length * elementBytes > this.#view.byteLength) throw new RangeError('A vector exceeds its message.');
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length * elementBytes);
  }

  tables(field: number): FlatTable[] {
    const { at, length } = this.#vector(field);
    if (at + length * 4 > this.#view.byteLength) throw new RangeError('A vector exceeds its message.');
    return Array.from({ length }, (_, index) => this.#tableAt(at + 4 * index));
  }

  table(field: number): FlatTable | undefined {
    const at = this.#field(field);
    return at === 0 ? undefined : this.#tableAt(at);
  }

  #tableAt(at: number): FlatTable {
    return new FlatTable(this.#view, at + this.#view.getUint32(at, true));
  }

  #vector(field: number): { at: number; length: number } {
    const at = this.#field(field);
    if (at === 0) return { at: 0, length: 0 };
    const start = at + this.#view.getUint32(at, true);
    return { at: start + 4, length: this.#view.getUint32(start, true) };
  }
}
