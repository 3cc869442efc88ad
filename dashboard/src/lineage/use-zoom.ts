import { type PointerEvent, useEffect, useRef, useState } from 'react';

/** The part of a drawing that is visible, in its units. */
export interface ViewBox {
  x: number;
  y: number;
  width: number;
  height: number;
}

const STEP = 1.3;
/** The smallest visible part: about one node. */
const MIN_WIDTH = 240;
/** Movement of the pointer from which a click becomes a drag. Pixels. */
const DRAG_PIXELS = 4;

/** Zoom and pan of a drawing. Ctrl and the wheel zoom, a drag moves. */
export function useZoom(whole: ViewBox) {
  const svg = useRef<SVGSVGElement>(null);
  const [chosen, setBox] = useState<ViewBox>();
  const box = chosen ?? whole;
  const drag = useRef<{ x: number; y: number; box: ViewBox; moved: boolean }>(undefined);

  const zoom = (by: number, at = { x: 0.5, y: 0.5 }) =>
    setBox((current = whole) => {
      const width = Math.min(whole.width * 2, Math.max(MIN_WIDTH, current.width * by));
      const height = (width / current.width) * current.height;
      const x = current.x + (current.width - width) * at.x;
      return { x, y: current.y + (current.height - height) * at.y, width, height };
    });

  const zoomLatest = useRef(zoom);
  useEffect(() => {
    zoomLatest.current = zoom;
  });
  useEffect(() => {
    const element = svg.current;
    // React registers wheel listeners as passive, which cannot prevent the zoom of the page.
    const wheel = (event: WheelEvent) => {
      if (!element || (!event.ctrlKey && !event.metaKey)) return;
      event.preventDefault();
      const { left, top, width, height } = element.getBoundingClientRect();
      const at = { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
      zoomLatest.current(event.deltaY > 0 ? STEP : 1 / STEP, at);
    };
    element?.addEventListener('wheel', wheel, { passive: false });
    return () => element?.removeEventListener('wheel', wheel);
  }, []);

  const onPointerDown = (event: PointerEvent) => {
    drag.current = { x: event.clientX, y: event.clientY, box, moved: false };
  };
  const onPointerMove = (event: PointerEvent) => {
    const { current } = drag;
    if (!current || !svg.current || event.buttons === 0) return;
    const [x, y] = [event.clientX - current.x, event.clientY - current.y];
    current.moved ||= Math.hypot(x, y) > DRAG_PIXELS;
    if (!current.moved) return;
    const { width, height } = svg.current.getBoundingClientRect();
    const unit = Math.max(current.box.width / width, current.box.height / height);
    setBox({ ...current.box, x: current.box.x - x * unit, y: current.box.y - y * unit });
  };
  /** A drag that ends on a link does not follow it. */
  const onClickCapture = (event: { preventDefault: () => void; stopPropagation: () => void }) => {
    if (!drag.current?.moved) return;
    event.preventDefault();
    event.stopPropagation();
  };
  return {
    svg,
    viewBox: `${box.x} ${box.y} ${box.width} ${box.height}`,
    zoomIn: () => zoom(1 / STEP),
    zoomOut: () => zoom(STEP),
    reset: () => setBox(undefined),
    handlers: { onPointerDown, onPointerMove, onClickCapture },
  };
}
