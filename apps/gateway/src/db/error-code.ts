/** `code` of an error: an SQLSTATE of PostgreSQL or a name of the system (ECONNREFUSED); empty when it has none. Asks for no class, which differs between realms. */
export function codeOf(e: unknown): string {
  return typeof e === 'object' && e !== null && 'code' in e ? String(e.code) : '';
}

export function messageOf(e: unknown): string {
  if (typeof e !== 'object' || e === null || !('message' in e)) return String(e);
  return String(e.message) || codeOf(e);
}

const NETWORK = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
const DATABASE = /^(08...|57P0.|53...)$/;

/** The connection is gone, or the database shuts down or is full: it is the same for every statement, and passes. */
export function isLost(e: unknown): boolean {
  const code = codeOf(e);
  return (
    NETWORK.test(code) ||
    DATABASE.test(code) ||
    /Connection terminated|timeout exceeded when trying to connect/.test(messageOf(e))
  );
}
