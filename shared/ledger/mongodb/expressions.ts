import type { Document } from 'mongodb';

/** Parts of aggregation pipelines that several collections use. */

/** A date of the server in the form of the documents: ISO 8601, UTC, milliseconds. */
export const iso = (date: unknown): Document => ({
  $dateToString: { date, format: '%Y-%m-%dT%H:%M:%S.%LZ', timezone: 'UTC' },
});

/** The time of the server, because the clocks of workers differ. */
export const NOW = iso('$$NOW');

/** The time at which a lease of `seconds` that starts now ends. */
export function leaseEnd(seconds: number): Document {
  return iso({ $dateAdd: { startDate: '$$NOW', unit: 'millisecond', amount: Math.round(seconds * 1000) } });
}

/** A value that MongoDB must not interpret: texts of users can begin with `$`. */
export function literal(value: unknown): Document {
  return { $literal: value };
}

/** The steps of a run with the fields of one step replaced. `fields` is an expression. */
export function withStep(name: string, fields: Document): Document {
  return mapSteps({ $cond: [{ $eq: ['$$step.name', literal(name)] }, merge('$$step', fields), '$$step'] });
}

/** The list of an expression for each step, which refers to the step as `$$step`. */
export function mapSteps(step: Document | string): Document {
  return { $map: { input: '$steps', as: 'step', in: step } };
}

export function merge(...objects: unknown[]): Document {
  return { $mergeObjects: objects };
}
