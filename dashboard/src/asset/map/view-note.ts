import { count, counted } from '../../ui/format.ts';
import type { ShownView } from './use-view-features.ts';

/** States how many features in the visible part of the map are drawn. */
export function viewNote(view: ShownView | undefined): string {
  if (!view) return 'Loading the features…';
  const { found, drawn, boxes, groupsRead, groups, complete, isPainted } = view;
  if (!complete)
    return `Loading features: ${count(found)} found in ${groupsRead} of ${counted(groups, 'part')} of the file…`;
  if (!isPainted) return `Loading ${counted(drawn, 'feature')}…`;
  if (groupsRead === groups && drawn >= found && boxes === 0) return allDrawn(found);
  const read = `${count(drawn)} of ${count(found)} features in this part of the map are drawn`;
  const parts = [
    groupsRead < groups
      ? `${groupsRead} of ${counted(groups, 'part')} of the file were read (the others are dashed)`
      : '',
    boxes > 0 ? `${count(boxes)} as rectangles` : '',
  ].filter((part) => part !== '');
  return `${[read, ...parts].join(', ')}. Zoom in to see all.`;
}

function allDrawn(found: number): string {
  if (found === 0) return 'No features in this part of the map.';
  const drawn =
    found === 1
      ? 'The feature in this part of the map is drawn'
      : `All ${count(found)} features in this part of the map are drawn`;
  return `${drawn}. Click one to see its attributes.`;
}
