import { createContext, useContext } from 'react';

/** The selected rows of a list, by id. */
export interface Selection {
  ids: ReadonlySet<string>;
  toggle: (id: string) => void;
  /** Selects all rows of the page, or none. */
  toggleAll: () => void;
  areAllSelected: boolean;
}

export const SelectionContext = createContext<Selection>({
  ids: new Set(),
  toggle: () => undefined,
  toggleAll: () => undefined,
  areAllSelected: false,
});

export function useSelection(): Selection {
  return useContext(SelectionContext);
}
