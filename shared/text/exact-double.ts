/** Whether a number that is written in decimal digits is a double, so that no digit is lost. */

/** Digits that every double keeps. */
export const EXACT_DIGITS = 15;
/** `toFixed` and `toExponential` write at most so many. */
const MAX_FRACTION_DIGITS = 100;
/** `toFixed` writes larger numbers with an exponent. */
const MAX_FIXED = 1e21;

/**
 * Whether a double has the digits of a number: printed with as many decimals it has the same digits. A double of 15
 * decimals that a program wrote has them, although it is not equal to the number.
 */
export function isExactDouble(text: string): boolean {
  const value = Number(text);
  const [mantissa = '', exponent] = text.toLowerCase().split('e');
  const digits = significantDigits(mantissa);
  if (!Number.isFinite(value) || (value === 0 && digits !== '')) return false;
  if (digits.length <= EXACT_DIGITS) return true;
  const decimals = mantissa.split('.')[1]?.length ?? 0;
  if (exponent === undefined && decimals <= MAX_FRACTION_DIGITS && Math.abs(value) < MAX_FIXED)
    return significantDigits(value.toFixed(decimals)) === digits;
  return digits.length <= MAX_FRACTION_DIGITS && significantDigits(value.toExponential(digits.length - 1)) === digits;
}

/** Digits without leading zeros, and without the zeros at the end that `toFixed` also writes. */
function significantDigits(text: string): string {
  const digits = text.toLowerCase().split('e')[0]?.replaceAll(/\D/g, '') ?? '';
  let end = digits.length;
  while (digits[end - 1] === '0') end--;
  return digits.slice(0, end).replace(/^0+/, '');
}
