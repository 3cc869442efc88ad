import { type ReactNode, useId, useRef } from 'react';

export interface ConfirmButtonProps {
  label: string;
  /** The question of the dialog. */
  title: string;
  /** What happens, and whether it can be undone. */
  children: ReactNode;
  confirmLabel?: string;
  danger?: boolean;
  disabled?: boolean;
  onConfirm: () => void;
}

/**
 * A button that asks before it acts. It uses the dialog element of the browser, which keeps the focus inside, closes
 * with Escape, and needs no inline style (Content-Security-Policy).
 */
export function ConfirmButton(props: ConfirmButtonProps) {
  const { label, title, children, confirmLabel = label, danger = true, disabled, onConfirm } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const kind = danger ? 'danger' : undefined;
  const confirm = () => {
    dialog.current?.close();
    onConfirm();
  };
  return (
    <>
      <button
        type="button"
        className="button"
        data-kind={kind}
        disabled={disabled}
        aria-haspopup="dialog"
        onClick={() => dialog.current?.showModal()}
      >
        {label}
      </button>
      <dialog ref={dialog} className="dialog" aria-labelledby={id}>
        <h2 id={id}>{title}</h2>
        <div className="dialog-text">{children}</div>
        <div className="dialog-actions">
          <button type="button" className="button" autoFocus onClick={() => dialog.current?.close()}>
            Go back
          </button>
          <button type="button" className="button" data-kind={kind ?? 'primary'} onClick={confirm}>
            {confirmLabel}
          </button>
        </div>
      </dialog>
    </>
  );
}
