-- Roles, passwords and databases of the stack. Made from stack.yaml by create-stack.
-- Run by psql as the superuser at each start; running it again changes nothing but the passwords, which become
-- those of the files under secrets/.

\set ON_ERROR_STOP on

-- Statements with a password in them must not reach the server's log or its statistics.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_duration_sample = -1;
SET log_transaction_sample_rate = 0;
SET log_duration = off;
SET log_min_error_statement = 'panic';
SET pg_stat_statements.track = 'none';

REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;

-- backend
\set password `tr -d '\r\n' </run/secrets/postgres_backend`
SELECT :'password' = '' AS missing \gset
\if :missing
DO 'BEGIN RAISE EXCEPTION ''the secret postgres_backend is missing or empty''; END';
\endif
SELECT 'CREATE ROLE "backend"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'backend') \gexec
ALTER ROLE "backend" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
SELECT 'CREATE DATABASE "backend" OWNER "backend"' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'backend') \gexec
ALTER DATABASE "backend" OWNER TO "backend";
REVOKE ALL ON DATABASE "backend" FROM PUBLIC;
\unset password

-- stack_monitor: the exporter's role. It reads statistics and no row of any table, and comes in when others no longer do.
\set password `tr -d '\r\n' </run/secrets/postgres_stack_monitor`
SELECT :'password' = '' AS missing \gset
\if :missing
DO 'BEGIN RAISE EXCEPTION ''the secret postgres_stack_monitor is missing or empty''; END';
\endif
SELECT 'CREATE ROLE "stack_monitor"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stack_monitor') \gexec
ALTER ROLE "stack_monitor" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
ALTER ROLE "stack_monitor" SET statement_timeout = '10s';
GRANT pg_monitor, pg_use_reserved_connections TO "stack_monitor";
GRANT CONNECT ON DATABASE postgres TO "stack_monitor";
\unset password

-- stack_pooler: nothing in stack.yaml needs it. Where something did before, it goes, so that nobody comes in by an old password;
-- where it was given rights in other databases by hand, it stays and is locked.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'stack_pooler') THEN
    ALTER ROLE "stack_pooler" NOLOGIN PASSWORD NULL;
    REASSIGN OWNED BY "stack_pooler" TO CURRENT_USER;
    DROP OWNED BY "stack_pooler";
    IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'stack_pooler') THEN
      DROP FUNCTION IF EXISTS "stack_pooler".login(text);
      DROP SCHEMA "stack_pooler";
    END IF;
    DROP ROLE "stack_pooler";
  END IF;
EXCEPTION WHEN dependent_objects_still_exist THEN
  ALTER ROLE "stack_pooler" NOLOGIN PASSWORD NULL;
END $$;

-- Extensions are made by the superuser: many may not be made by anybody else.
