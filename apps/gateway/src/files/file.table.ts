import type { FileView } from '@strata/contracts';
import type { Generated, Selectable } from 'kysely';

export interface FileTable {
  id: string;
  tenant_id: string;
  filename: string;
  bytes: number;
  sha256: string;
  media_type: string;
  created_at: Generated<Date>;
  /** Set by DELETE. The bytes stay: datasets, models and other files may share them. */
  deleted_at: Date | null;
}

declare module '../db/tables.js' {
  interface Tables {
    file: FileTable;
  }
}

export type FileRow = Selectable<FileTable>;

export function fileView(row: FileRow): FileView {
  return {
    object: 'file',
    id: row.id,
    filename: row.filename,
    bytes: row.bytes,
    sha256: row.sha256,
    media_type: row.media_type,
    created_at: row.created_at.toISOString(),
  };
}
