export const MESSAGES: Readonly<Record<string, { en: string; zh: string }>>;
export function languageOf(env: NodeJS.ProcessEnv): 'en' | 'zh';
export function translator(language: 'en' | 'zh'): (key: string, values?: Record<string, unknown>) => string;
