/** Times of the URL are in UTC; the inputs of the browser are in local time, without a zone. */

/** `2026-01-31T09:00`, in local time. Empty for a missing or invalid time. */
export function localInput(time: string | undefined): string {
  const date = new Date(time ?? NaN);
  if (Number.isNaN(date.getTime())) return '';
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** ISO 8601 in UTC. Empty for an incomplete input. */
export function utcTime(input: string): string {
  const date = new Date(input);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}
