/** A command of the command line. */
export function Command({ children }: { children: string }) {
  return <code className="command">{children}</code>;
}
