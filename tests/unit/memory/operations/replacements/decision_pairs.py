"""Decisions as projects make them: pairs of which the later changes the earlier, and others that change none."""

from __future__ import annotations

CHANGED = [
    (
        "We use npm as the package manager",
        "We use pnpm as the package manager now",
    ),
    (
        "We use Postgres for the orders table",
        "Orders are kept in MySQL from now on",
    ),
    (
        "Deploys go out on Fridays",
        "We deploy on Mondays, never on Fridays",
    ),
    (
        "The request timeout is 30 seconds",
        "Request timeout raised to 60 seconds",
    ),
    (
        "Indent with tabs",
        "We indent with four spaces instead of tabs",
    ),
    (
        "Decision: all services log JSON to stdout",
        "Services write plain text logs to stdout, no JSON any more",
    ),
    (
        "The API is versioned in the path",
        "API versions go into a header, not the path",
    ),
    (
        "Feature branches are squashed on merge",
        "We keep all commits of a feature branch on merge, no squash",
    ),
    (
        "Tests run on Python 3.11",
        "The test matrix is Python 3.12 and 3.13",
    ),
    (
        "Secrets live in Vault",
        "We moved secrets from Vault to AWS Secrets Manager",
    ),
    (
        "Use Redux for state in the storefront",
        "The storefront's state is kept in Zustand, Redux goes",
    ),
    (
        "We keep the monolith",
        "We decided to split the monolith into services",
    ),
    (
        "Retry failed uploads 3 times",
        "Failed uploads are retried 5 times with jitter",
    ),
    (
        "Invoices are numbered per year",
        "Invoice numbers run on over the years",
    ),
    (
        "Alerts go to the Slack channel ops",
        "On-call alerts go to PagerDuty, no longer to Slack",
    ),
    (
        "Releases are cut on Tuesdays",
        "A release is cut every second Thursday",
    ),
    (
        "The mobile app supports iOS 15 and later",
        "Minimum iOS version is 17",
    ),
    (
        "Images are stored in S3",
        "We store images in Cloudflare R2 rather than S3",
    ),
    (
        "Every pull request needs two reviews",
        "One approving review is enough for a pull request",
    ),
    (
        "Dates in the API are Unix timestamps",
        "API dates are ISO 8601 strings",
    ),
    (
        "Feature flags are in LaunchDarkly",
        "Flags come from our own config service, LaunchDarkly is cancelled",
    ),
    (
        "The cache expires after an hour",
        "Cache entries live five minutes",
    ),
    (
        "We write end-to-end tests in Cypress",
        "End-to-end tests are written with Playwright",
    ),
    (
        "Passwords are hashed with bcrypt",
        "New password hashes use Argon2id",
    ),
    (
        "Money amounts are floats",
        "Amounts of money are integers of cents",
    ),
    (
        "The staging cluster is heron-7",
        "Staging runs on cluster stork-2",
    ),
    (
        "Docs are written in AsciiDoc",
        "All documentation is Markdown",
    ),
    (
        "Use UTC everywhere in the database",
        "The database stores local time with an offset",
    ),
    (
        "Background jobs run in Celery",
        "Background jobs use Temporal workflows",
    ),
    (
        "GraphQL for the public API",
        "The public API is REST, we dropped GraphQL",
    ),
    (
        "Customers are billed monthly",
        "Billing is yearly from 2027",
    ),
    (
        "The build runs in Jenkins",
        "CI moved from Jenkins to GitHub Actions",
    ),
    (
        "Soft delete for users",
        "Users are deleted for real, no soft delete",
    ),
    (
        "We pin dependencies exactly",
        "Dependencies use caret ranges, no exact pins",
    ),
    (
        "Commit messages follow Conventional Commits",
        "No more Conventional Commits: free-form messages",
    ),
    (
        "The default branch is master",
        "The default branch is called main",
    ),
    (
        "Support tickets are answered within 48 hours",
        "We answer support tickets within one day",
    ),
    (
        "Use Kafka between orders and billing",
        "Orders and billing talk over NATS",
    ),
    (
        "Frontend is server-rendered with Next.js",
        "We drop Next.js and ship a static SPA with Vite",
    ),
    (
        "Sessions expire after 30 days",
        "Login sessions last seven days",
    ),
    (
        "Decision: we store user avatars on the file system of the web server, because that is the simplest thing.",
        "We decided to move avatars to object storage; the web server's disk filled up twice this month.",
    ),
    (
        "For the importer we agreed to skip rows that cannot be parsed and to log them.",
        "The importer has to stop at the first row that cannot be parsed, skipping hid a broken export for weeks.",
    ),
    (
        "The team settled on trunk-based development with short-lived branches.",
        "From now on we work with release branches again, trunk-based development did not fit our release cycle.",
    ),
    (
        "Let's cap the upload size at 10 MB.",
        "Uploads may now be up to 50 MB.",
    ),
    (
        "All new modules are written in TypeScript strict mode.",
        "Strict mode is off for the legacy folder only; new modules may relax it after review.",
    ),
    (
        "Health checks hit /healthz every 10 seconds.",
        "The health check interval is 30 seconds now.",
    ),
    (
        "We ship the CLI as a single binary built with PyInstaller.",
        "The CLI is distributed as a wheel through our index, the PyInstaller binary is gone.",
    ),
    (
        "Product names are translated by the marketing team.",
        "Translations of product names come from DeepL and are reviewed once a quarter.",
    ),
    (
        "Price changes take effect at midnight UTC.",
        "A price change is effective immediately.",
    ),
    (
        "The orders table is partitioned by month.",
        "Partition orders by customer region.",
    ),
    (
        "We decided against a message queue.",
        "We will introduce a message queue (RabbitMQ) after all.",
    ),
    (
        "Use pytest fixtures instead of setUp methods.",
        "setUp methods are fine again in the legacy tests.",
    ),
    (
        "Meeting notes go to Notion.",
        "Notes of meetings are written into the repository's docs folder.",
    ),
    (
        "The design uses a 12-column grid.",
        "We switch the layout to CSS subgrid with eight columns.",
    ),
    (
        "Discount codes can be combined.",
        "Only one discount code per order.",
    ),
]
"""The earlier and the later decision."""
OTHERS = [
    "We use ruff for linting",
    "The line length is 120 characters",
    "Errors are reported to Sentry",
    "Use Terraform for infrastructure",
    "The billing service owns prices",
    "Prefer composition over inheritance",
    "Public functions have docstrings",
    "Use feature folders in the frontend",
    "Search is built on OpenSearch",
    "We do not use ORMs in the reporting service",
    "E-mail is sent by Postmark",
    "Customer data stays in the EU",
    "Load tests run before each major release",
    "Accessibility: WCAG 2.2 AA for the storefront",
    "Use kebab-case for file names",
    "The admin UI is in English only",
    "Rate limit the public API to 100 requests a minute",
    "Use gRPC between services",
    "Webhooks are signed with HMAC",
    "The data warehouse is BigQuery",
    "Backups are kept for 35 days",
    "Node 22 is the runtime for the storefront",
    "Payments go through Stripe",
    "Refunds need a second person",
    "Use blue-green deployments",
    "Use PostgreSQL advisory locks for cron jobs",
    "Colours are design tokens",
    "The orders service is written in Go",
    "Never log e-mail addresses",
    "The SDK is generated from the OpenAPI file",
    "Log lines carry the request id.",
    "The importer runs every night at 3.",
    "Avatars are cropped to squares.",
    "The CLI prints JSON with --json.",
    "The orders service exposes a health endpoint.",
    "Discounts are computed before tax.",
    "Product pages are cached at the edge.",
    "New modules need a README.",
    "Uploads are scanned for viruses.",
    "Prices are shown with tax.",
    "The legacy folder will be removed in summer.",
    "Every branch has an owner.",
    "Meetings are at ten on Wednesdays.",
    "Translations are loaded lazily.",
    "The grid component is deprecated.",
    "Migrations run before the deployment.",
    "The message bus client is wrapped in our own module.",
    "Customer regions are ISO codes.",
    "Release notes are written by the author of the change.",
    "Fixtures live in conftest files.",
]
