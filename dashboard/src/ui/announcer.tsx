import { Toast } from 'radix-ui';
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from 'react';

export type Tone = 'success' | 'failure';
interface Message {
  id: number;
  text: string;
  tone: Tone;
}

type Announce = (text: string, tone?: Tone) => void;
const AnnounceContext = createContext<Announce>(() => undefined);

/** A function that shows the result of an action, also to screen readers. */
export function useAnnounce(): Announce {
  return useContext(AnnounceContext);
}

const SHOWN_MS = 6_000;
/** An error takes longer to read. */
const ERROR_SHOWN_MS = 20_000;

/** Shows messages for a while in the corner of the page. F8 moves the focus to them. */
export function Announcer({ children }: { children: ReactNode }) {
  const [messages, setMessages] = useState<Message[]>([]);
  const announce = useCallback<Announce>((text, tone = 'success') => {
    setMessages((shown) => [...shown, { id: (shown.at(-1)?.id ?? 0) + 1, text, tone }]);
  }, []);
  const remove = (id: number) => setMessages((shown) => shown.filter((message) => message.id !== id));
  return (
    <AnnounceContext value={useMemo(() => announce, [announce])}>
      <Toast.Provider label="Message" swipeDirection="right">
        {children}
        {messages.map(({ id, text, tone }) => (
          <Toast.Root
            key={id}
            className="toast"
            data-tone={tone}
            duration={tone === 'failure' ? ERROR_SHOWN_MS : SHOWN_MS}
            type={tone === 'failure' ? 'foreground' : 'background'}
            onOpenChange={(open) => open || remove(id)}
          >
            <Toast.Description>{text}</Toast.Description>
            <Toast.Close className="toast-close" aria-label="Close">
              ×
            </Toast.Close>
          </Toast.Root>
        ))}
        <Toast.Viewport className="toasts" />
      </Toast.Provider>
    </AnnounceContext>
  );
}
