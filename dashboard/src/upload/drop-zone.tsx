import { useCallback, useEffect, useId, useRef, useState } from 'react';
import { useAnnounce } from '../ui/announcer.tsx';
import { chosenFiles, droppedFiles, type LocalFile } from './local-files.ts';
import { uploadStore } from './upload-store.ts';

const ACCEPTED =
  'Vector files (shapefile with .shx and .dbf, GeoPackage, GeoJSON, …), rasters (GeoTIFF, netCDF, …), ' +
  'tables (CSV, Excel, …), or a .zip of them.';

/** Receives files from the file dialog of the browser, and those that are dropped anywhere on the page. */
export function DropZone({ isCompact }: { isCompact: boolean }) {
  const input = useRef<HTMLInputElement>(null);
  const announce = useAnnounce();
  const id = useId();
  const add = useCallback(
    (reading: Promise<LocalFile[]>) =>
      void reading.then(
        (files) => uploadStore.addFiles(files),
        (error: Error) => announce(`The files could not be read: ${error.message}`, 'failure'),
      ),
    [announce],
  );
  const isOver = useFileDrop(add);
  return (
    <div className="drop-zone" data-compact={isCompact} data-over={isOver}>
      <p className="drop-title">{isCompact ? 'Drop more files here' : 'Drop files or folders here'}</p>
      <button
        type="button"
        className="button"
        data-kind={isCompact ? undefined : 'primary'}
        aria-describedby={id}
        onClick={() => input.current?.click()}
      >
        Choose files
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Files"
        onChange={({ target }) => {
          if (target.files !== null) add(chosenFiles(target.files));
          target.value = ''; // So that the same file can be chosen again.
        }}
      />
      <p id={id} className="small muted">
        {isCompact ? 'Select all files of a shapefile together.' : ACCEPTED}
      </p>
    </div>
  );
}

/** Whether files are dragged over the page. A browser leaves the page for a file that is dropped beside a drop zone. */
function useFileDrop(add: (reading: Promise<LocalFile[]>) => void): boolean {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const drag = (event: DragEvent) => {
      if (event.dataTransfer?.types.includes('Files') !== true) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = ({ relatedTarget }: DragEvent) => {
      if (relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      setOver(false);
      if (event.dataTransfer?.types.includes('Files') !== true) return;
      event.preventDefault();
      add(droppedFiles(event.dataTransfer));
    };
    window.addEventListener('dragover', drag);
    window.addEventListener('dragleave', leave);
    window.addEventListener('drop', drop);
    return () => {
      window.removeEventListener('dragover', drag);
      window.removeEventListener('dragleave', leave);
      window.removeEventListener('drop', drop);
    };
  }, [add]);
  return isOver;
}
