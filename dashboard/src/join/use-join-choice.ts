import { useSearchParams } from 'react-router';

const FIELDS = ['features', 'table', 'feature_key', 'table_key', 'how', 'duplicates', 'dataset'] as const;
export type ChoiceField = (typeof FIELDS)[number];

/** What the user chose for a join; empty texts for what is not chosen. */
export type JoinChoice = Record<ChoiceField, string>;

/** The choice in the URL. `features` and `table` are ids of assets. */
export function useJoinChoice() {
  const [params, setParams] = useSearchParams();
  const choice = Object.fromEntries(FIELDS.map((field) => [field, params.get(field) ?? ''])) as JoinChoice;
  return {
    choice,
    /** Sets fields. The keys of a side are removed with its dataset. */
    change: (fields: Partial<JoinChoice>) =>
      setParams(
        (current) => {
          const removed = {
            ...(fields.features !== undefined && { feature_key: '' }),
            ...(fields.table !== undefined && { table_key: '' }),
          };
          for (const [field, value] of Object.entries({ ...removed, ...fields })) {
            if (value === '') current.delete(field);
            else current.set(field, value);
          }
          return current;
        },
        { replace: true },
      ),
  };
}
