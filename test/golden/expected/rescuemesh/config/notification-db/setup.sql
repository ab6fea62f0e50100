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

-- notification-service
\set password `tr -d '\r\n' </run/secrets/notification-db_notification-service`
SELECT :'password' = '' AS missing \gset
\if :missing
DO 'BEGIN RAISE EXCEPTION ''the secret notification-db_notification-service is missing or empty''; END';
\endif
SELECT 'CREATE ROLE "notification-service"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'notification-service') \gexec
ALTER ROLE "notification-service" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
SELECT 'CREATE DATABASE "notification-service" OWNER "notification-service"' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'notification-service') \gexec
ALTER DATABASE "notification-service" OWNER TO "notification-service";
REVOKE ALL ON DATABASE "notification-service" FROM PUBLIC;
\unset password

-- stack_monitor: the exporter's role. It reads statistics and no row of any table, and comes in when others no longer do.
\set password `tr -d '\r\n' </run/secrets/notification-db_stack_monitor`
SELECT :'password' = '' AS missing \gset
\if :missing
DO 'BEGIN RAISE EXCEPTION ''the secret notification-db_stack_monitor is missing or empty''; END';
\endif
SELECT 'CREATE ROLE "stack_monitor"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stack_monitor') \gexec
ALTER ROLE "stack_monitor" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
ALTER ROLE "stack_monitor" SET statement_timeout = '10s';
GRANT pg_monitor, pg_use_reserved_connections TO "stack_monitor";
GRANT CONNECT ON DATABASE postgres TO "stack_monitor";
\unset password

-- Logins that nothing in stack.yaml needs, where something did before: they go, so that nobody comes in by an old password.
-- One that was given rights in other databases by hand is locked instead; what it owns here becomes the superuser's.
DO $$
DECLARE
  gone text;
BEGIN
  FOR gone IN SELECT rolname FROM pg_roles WHERE rolname IN ('stack_pooler') LOOP
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
