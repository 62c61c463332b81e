"""What the simulated Meta publishes about itself, so that nothing needs configuring."""

APP_ID = "1000000000000001"
APP_SECRET = "simulator-app-secret"  # noqa: S105  (published on purpose: it guards nothing)
APP_NAME = "Example CRM"
VERIFY_TOKEN = "simulator-verify-token"  # noqa: S105
LOGIN_CONFIG_ID = "1000000000000101"  # a Facebook Login for Business configuration of the app
PAGE_INBOX_APP_ID = "263902037430900"  # what Meta's own Page inbox signs its echoes with
