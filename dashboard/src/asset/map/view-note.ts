import { count, counted } from '../../ui/format.ts';
import type { ShownView } from './use-view-features.ts';

/** What the map shows of the features in the view. */
export function viewNote(view: ShownView | undefined): string {
  if (!view) return 'Loading the features…';
  const { found, drawn, boxes, groupsRead, groups, complete, isPainted } = view;
  if (!complete)
    return `Loading features: ${count(found)} found in ${groupsRead} of ${counted(groups, 'part')} of the file…`;
  if (!isPainted) return `Loading ${counted(drawn, 'feature')}…`;
  if (groupsRead === groups && drawn >= found && boxes === 0) return allDrawn(found);
  const read = `${count(drawn)} of ${count(found)} features in this view are drawn`;
  const parts = [
    groupsRead < groups
      ? `${groupsRead} of ${counted(groups, 'part')} of the file were read (the others are dashed)`
      : '',
    boxes > 0 ? `${count(boxes)} as rectangles` : '',
  ].filter((part) => part !== '');
  return `${[read, ...parts].join(', ')}. Zoom in to see all.`;
}

function allDrawn(found: number): string {
  if (found === 0) return 'No features in this view.';
  const drawn =
    found === 1 ? 'The feature in this view is drawn' : `All ${count(found)} features in this view are drawn`;
  return `${drawn}. Click one to see its attributes.`;
}
