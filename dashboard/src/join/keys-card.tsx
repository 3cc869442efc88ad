import { Card } from '../ui/card.tsx';
import { FormField } from '../upload/form-field.tsx';
import type { Key } from './keys.ts';
import type { JoinFlow } from './use-join.ts';

/** The keys of both sides. The preview explains why keys of other types cannot be compared. */
export function KeysCard({ join: { features, table, keys, choice, change } }: { join: JoinFlow }) {
  if (features === undefined || table === undefined) return null;
  const isProposed = choice.feature_key === '' && choice.table_key === '' && keys.feature !== undefined;
  return (
    <Card title="Keys" aside={isProposed && 'Proposed, because the names are alike'}>
      <div className="join-sides">
        <KeyField
          label="Key of the features"
          help="A feature matches the rows that have the same value."
          value={keys.feature}
          groups={[['', features.keys]]}
          onChange={(feature_key) => change({ feature_key })}
        />
        <KeyField
          label="Key of the table"
          help={keys.feature && `Types that can be compared with ${keys.feature.type} come first.`}
          value={keys.table}
          groups={groupsOf(table.keys, keys.feature)}
          onChange={(table_key) => change({ table_key })}
        />
      </div>
    </Card>
  );
}

type Group = readonly [label: string, keys: readonly Key[]];

function groupsOf(keys: readonly Key[], other: Key | undefined): Group[] {
  if (other === undefined) return [['', keys]];
  const comparable = keys.filter(({ family }) => family === other.family);
  const others = keys.filter(({ family }) => family !== other.family);
  return [
    [`Can be compared with ${other.type}`, comparable],
    ['Other types', others],
  ];
}

interface KeyFieldProps {
  label: string;
  help: string | undefined;
  value: Key | undefined;
  /** A group without a label is listed directly. */
  groups: Group[];
  onChange: (name: string) => void;
}

function KeyField({ label, help, value, groups, onChange }: KeyFieldProps) {
  return (
    <FormField label={label} help={help}>
      {(control) => (
        <select
          {...control}
          className="input"
          value={value?.name ?? ''}
          onChange={(event) => onChange(event.target.value)}
        >
          <option value="">Choose a column</option>
          {groups
            .filter(([, keys]) => keys.length > 0)
            .map(([name, keys]) =>
              name === '' ? (
                <Options key={name} keys={keys} />
              ) : (
                <optgroup key={name} label={name}>
                  <Options keys={keys} />
                </optgroup>
              ),
            )}
        </select>
      )}
    </FormField>
  );
}

function Options({ keys }: { keys: readonly Key[] }) {
  return keys.map(({ name, type }) => (
    <option key={name} value={name}>
      {name} ({type})
    </option>
  ));
}
