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

-- app
\set password `tr -d '\r\n' </run/secrets/postgres_app`
SELECT :'password' = '' AS missing \gset
\if :missing
DO 'BEGIN RAISE EXCEPTION ''the secret postgres_app is missing or empty''; END';
\endif
SELECT 'CREATE ROLE "app"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') \gexec
ALTER ROLE "app" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
SELECT 'CREATE DATABASE "app" OWNER "app"' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'app') \gexec
ALTER DATABASE "app" OWNER TO "app";
REVOKE ALL ON DATABASE "app" FROM PUBLIC;
\unset password

-- Logins that nothing in stack.yaml needs, where something did before: they go, so that nobody comes in by an old password.
-- One that was given rights in other databases by hand is locked instead; what it owns here becomes the superuser's.
DO $$
DECLARE
  gone text;
BEGIN
  FOR gone IN SELECT rolname FROM pg_roles WHERE rolname IN ('stack_monitor', 'stack_pooler') LOOP
    BEGIN
      EXECUTE format('REASSIGN OWNED BY %I TO CURRENT_USER', gone);
      EXECUTE format('DROP OWNED BY %I', gone);
      EXECUTE format('DROP FUNCTION IF EXISTS %I.login(text)', gone);
      EXECUTE format('DROP SCHEMA IF EXISTS %I', gone);
      EXECUTE format('DROP ROLE %I', gone);
    EXCEPTION WHEN dependent_objects_still_exist THEN
      EXECUTE format('ALTER ROLE %I NOLOGIN PASSWORD NULL', gone);
    END;
  END LOOP;
END $$;

-- Extensions are made by the superuser: many may not be made by anybody else.
