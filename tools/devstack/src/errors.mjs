/** An error whose `code` is a row of the kernel's table; the kernel itself may not be built yet when this is needed. */
export class LauncherError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = 'LauncherError';
    this.code = code;
  }
}
