import { useQuery } from '@tanstack/react-query';
import { type RefObject, useEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import type { JoinSourceView } from '../../../shared/api/views.ts';
import { joinSourceQuery, joinSourcesQuery } from '../api/queries.ts';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Facts } from '../ui/facts.tsx';
import { counted } from '../ui/format.ts';
import { Loaded } from '../ui/loaded.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { useSettled } from '../upload/use-check.ts';

interface SourcePickerProps {
  side: 'spatial' | 'tabular';
  /** Id of the chosen asset; `''` for none. */
  value: string;
  onChoose: (assetId: string) => void;
}

const TITLES = { spatial: 'Features', tabular: 'Table' };

/** One side of the join: a list of datasets, or the chosen one. The focus follows the change between the two. */
export function SourcePicker({ side, value, onChoose }: SourcePickerProps) {
  const changeButton = useRef<HTMLButtonElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const chosenHere = useRef<string>(undefined);
  const choose = (assetId: string) => {
    chosenHere.current = assetId;
    onChoose(assetId);
  };
  useEffect(() => {
    if (chosenHere.current !== value) return;
    (value === '' ? search : changeButton).current?.focus();
    chosenHere.current = undefined;
  }, [value]);
  return (
    <Card
      title={TITLES[side]}
      flush={value === ''}
      aside={
        value !== '' && (
          <button
            ref={changeButton}
            type="button"
            className="button"
            aria-label={side === 'spatial' ? 'Change the features' : 'Change the table'}
            onClick={() => choose('')}
          >
            Change
          </button>
        )
      }
    >
      {value === '' ? <SourceList side={side} search={search} onChoose={choose} /> : <ChosenSource assetId={value} />}
    </Card>
  );
}

interface SourceListProps {
  side: 'spatial' | 'tabular';
  search: RefObject<HTMLInputElement | null>;
  onChoose: (assetId: string) => void;
}

function SourceList({ side, search, onChoose }: SourceListProps) {
  const [text, setText] = useState('');
  const query = useQuery(joinSourcesQuery(side, useSettled(text)));
  const isEmptyLake = text === '' && query.data?.sources.length === 0;
  return (
    <div className="sources">
      {!isEmptyLake && (
        <label className="field">
          <span>Search</span>
          <input
            ref={search}
            className="input"
            type="search"
            value={text}
            placeholder="part of a name"
            onChange={(event) => setText(event.target.value)}
          />
        </label>
      )}
      <Loaded query={query}>
        {({ sources, is_complete }) =>
          sources.length === 0 ? (
            <NoSource side={side} isSearch={text !== ''} />
          ) : (
            <>
              <ul className="source-list" aria-label={side === 'spatial' ? 'Datasets with features' : 'Tables'}>
                {sources.map((source) => (
                  <li key={source.id}>
                    <button type="button" className="source" onClick={() => onChoose(source.id)}>
                      <span className="source-name">{source.dataset_id}</span>
                      <span className="small muted">{describe(source)}</span>
                    </button>
                  </li>
                ))}
              </ul>
              {!is_complete && (
                <p className="small muted">More datasets exist. Type a part of the name to find them.</p>
              )}
            </>
          )
        }
      </Loaded>
    </div>
  );
}

function NoSource({ side, isSearch }: { side: 'spatial' | 'tabular'; isSearch: boolean }) {
  if (isSearch) return <EmptyState title="No dataset matches the search." />;
  return (
    <EmptyState title={side === 'spatial' ? 'There is no dataset with features yet.' : 'There is no table yet.'}>
      <Link to="/upload">{side === 'spatial' ? 'Upload a vector file' : 'Upload a CSV file or a workbook'}</Link> first.
    </EmptyState>
  );
}

function ChosenSource({ assetId }: { assetId: string }) {
  const query = useQuery(joinSourceQuery(assetId));
  return (
    <Loaded query={query}>
      {(source) => (
        <>
          <p className="source-name">
            <Link to={`/assets/${source.id}`}>
              {source.dataset_id}, version {source.version}
            </Link>
          </p>
          <Facts
            facts={[
              ['Kind', source.kind],
              ['Content', amountOf(source)],
              ['Geometry', source.geometry_types.join(', ')],
              ['CRS', source.crs],
              ['Created', <RelativeTime key="created" time={source.created_at} />],
            ]}
          />
        </>
      )}
    </Loaded>
  );
}

/** For example: `spatial, 177 features, MultiPolygon, version 2`. */
function describe(source: JoinSourceView): string {
  return [source.kind, amountOf(source), source.geometry_types.join(', '), `version ${source.version}`]
    .filter((part) => part !== '')
    .join(', ');
}

function amountOf({ kind, row_count }: JoinSourceView): string {
  return row_count === null ? '' : counted(row_count, kind === 'tabular' ? 'row' : 'feature');
}
