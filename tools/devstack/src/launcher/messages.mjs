// What the launcher says, in both languages. {name} stands for a value.
export const MESSAGES = {
  data_folder: {
    en: 'the data folder {dir} cannot be written ({why}): mend it, or choose another with STRATA_DATA_DIR.',
    zh: '数据目录 {dir} 不可写（{why}）：请修复，或用 STRATA_DATA_DIR 另选目录。',
  },
  disk_full: {
    en: 'the disk that holds {dir} is full ({free} MB left, {need} MB needed): free some space, or choose another folder with STRATA_DATA_DIR.',
    zh: '{dir} 所在磁盘已满（剩余 {free} MB，需要 {need} MB）：请清理空间，或用 STRATA_DATA_DIR 另选目录。',
  },
  port_taken: {
    en: 'port {port}, which {what} needs, is taken by another program: stop that one, or set {setting} to a free port.',
    zh: '{what}所需的端口 {port} 已被其他程序占用：请停止该程序，或将 {setting} 设为空闲端口。',
  },
  not_a_port: {
    en: '{setting} is "{value}": set it to a port number between 1 and 65535.',
    zh: '{setting} 的值为 "{value}"：请设为 1 到 65535 之间的端口号。',
  },
  running: {
    en: 'another Strata (process {pid}) already runs on {dir}{at}: use that one, stop it with `npm stop`, or choose another folder with STRATA_DATA_DIR.',
    zh: '另一个 Strata（进程 {pid}）正在使用 {dir}{at}：请直接使用它，用 `npm stop` 停止它，或用 STRATA_DATA_DIR 另选目录。',
  },
  took_over: {
    en: 'the last Strata on this folder ended without a farewell: taking over what it left.',
    zh: '上一个 Strata 异常退出：正在接管其遗留内容。',
  },
  stopped_left_over: { en: 'stopped {n} processes that it had left.', zh: '已停止其遗留的 {n} 个进程。' },
  starting: { en: 'starting on {dir}', zh: '正在启动，数据目录 {dir}' },
  first_start: { en: 'first start: making the database', zh: '首次启动：正在创建数据库' },
  own_database: { en: 'using the database of DATABASE_URL', zh: '使用 DATABASE_URL 指定的数据库' },
  service_up: { en: 'ready in {s} s', zh: '已就绪，用时 {s} 秒' },
  ready: { en: 'Strata is ready after {s} s', zh: 'Strata 已就绪，用时 {s} 秒' },
  at: { en: 'address', zh: '地址' },
  docs: { en: 'API reference', zh: 'API 参考' },
  key: { en: 'API key', zh: 'API 密钥' },
  key_kept: { en: '(kept in {file})', zh: '（保存于 {file}）' },
  key_in: { en: 'in {file}', zh: '见 {file}' },
  next: { en: 'next', zh: '下一步' },
  next_is: {
    en: 'npm run demo, in another terminal; Ctrl-C stops Strata',
    zh: '在另一终端运行 npm run demo；Ctrl-C 停止',
  },
  stopping: { en: 'stopping ({why})', zh: '正在停止（{why}）' },
  stopped: { en: 'stopped; everything is kept in {dir}', zh: '已停止；全部数据保存于 {dir}' },
  force: { en: 'stopping at once', zh: '立即停止' },
  crashed: { en: 'ended unexpectedly ({how}); starting it again in {s} s', zh: '意外退出（{how}）；{s} 秒后重新启动' },
  back: { en: 'is back', zh: '已恢复' },
  giving_up: {
    en: '{name} crashed {n} times within a minute: giving up. Its last lines are above.',
    zh: '{name} 在一分钟内崩溃 {n} 次：放弃重启。其最后的日志见上文。',
  },
  cannot_start: { en: 'Strata cannot start', zh: 'Strata 无法启动' },
  parent_gone: { en: 'the program that started Strata is gone', zh: '启动 Strata 的程序已退出' },
  not_running: { en: 'no Strata runs on {dir}', zh: '没有 Strata 在 {dir} 上运行' },
  what_gateway: { en: 'the HTTP interface', zh: 'HTTP 接口' },
  what_control: { en: 'the control service', zh: '控制服务' },
  what_catalog: { en: 'the catalog', zh: '目录服务' },
  what_inference: { en: 'online prediction', zh: '在线预测' },
  what_postgres: { en: 'PostgreSQL', zh: 'PostgreSQL' },
};

/** Language of the environment: STRATA_LANG, then what the system says. */
export function languageOf(env) {
  return /^zh/i.test(env.STRATA_LANG || env.LC_ALL || env.LC_MESSAGES || env.LANG || '') ? 'zh' : 'en';
}

/** @returns {(key: keyof typeof MESSAGES, values?: Record<string, unknown>) => string} */
export function translator(language) {
  return (key, values = {}) => MESSAGES[key][language].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}
