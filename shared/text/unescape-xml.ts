const MAX_CODE_POINT = 0x10ffff;
const ENTITIES: Record<string, string | undefined> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Replaces the references of an XML text: characters, and the five predefined entities. Others stay as they are. */
export function unescapeXml(text: string): string {
  return text.replaceAll(
    /&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi,
    (reference: string, decimal?: string, hexadecimal?: string, name?: string) => {
      if (name !== undefined) return ENTITIES[name] ?? reference;
      const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal);
      return code <= MAX_CODE_POINT ? String.fromCodePoint(code) : reference;
    },
  );
}
