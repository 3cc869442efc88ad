import type { Feature } from 'geojson';
import type { Bbox } from './projection.ts';

/** What the map shows. */
export interface MapView {
  bounds: Bbox;
  /** Size of the map in CSS pixels. */
  width: number;
  height: number;
}

/** `point`: a feature that is too small for a shape. `box`: the bounds of a feature whose shape is not read. */
export interface FeatureProperties {
  /** Number of the row in the file. */
  row: number;
  drawn: 'shape' | 'point' | 'box';
}

/** The features of a view. */
export interface ViewFeatures {
  features: Feature[];
  /** Features that were found in the view, before thinning. */
  found: number;
  /** Row groups in the view that were read, and all of them. */
  groupsRead: number;
  groups: number;
  /** How many features are drawn as a rectangle, because the limit of the page is reached. */
  boxes: number;
  /** Outlines of row groups that are not read. */
  unread: Bbox[];
  /** False while more row groups are read. */
  complete: boolean;
}
