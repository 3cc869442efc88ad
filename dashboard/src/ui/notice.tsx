import type { ReactNode } from 'react';
import { ApiError, UNREACHABLE } from '../api/client.ts';

export interface NoticeProps {
  tone: 'failure' | 'warning' | 'info';
  title: string;
  children?: ReactNode;
}

/** A message about the page, in a colored frame. */
export function Notice({ tone, title, children }: NoticeProps) {
  return (
    <div className="notice" data-tone={tone} role={tone === 'failure' ? 'alert' : 'status'}>
      <p className="notice-title">{title}</p>
      {children && <div className="notice-body">{children}</div>}
    </div>
  );
}

/** An error of a request, in plain words. */
export function ErrorNotice({ error, title = 'The data could not be read.' }: { error: Error; title?: string }) {
  const code = error instanceof ApiError ? error.code : undefined;
  return (
    <Notice tone="failure" title={title}>
      <p>{error.message}</p>
      {code !== undefined && code !== UNREACHABLE && <p className="small muted">{code}</p>}
    </Notice>
  );
}
