create index notes_by_time on notes (created_at desc);
