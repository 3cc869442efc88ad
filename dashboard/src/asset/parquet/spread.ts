/** 0 to n - 1 in the order of reversed bits: 0, n/2, n/4, 3n/4, … */
export function spread(n: number): number[] {
  const bits = Math.ceil(Math.log2(Math.max(n, 2)));
  const order: number[] = [];
  for (let i = 0; i < 2 ** bits; i++) {
    let reversed = 0;
    for (let bit = 0; bit < bits; bit++) if (i & (1 << bit)) reversed |= 1 << (bits - 1 - bit);
    if (reversed < n) order.push(reversed);
  }
  return order;
}
