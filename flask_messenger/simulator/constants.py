"""What the simulated Meta publishes about itself, so that nothing needs configuring."""

APP_ID = "1000000000000001"
APP_SECRET = "simulator-app-secret"  # noqa: S105  (published on purpose: it guards nothing)
APP_NAME = "Example CRM"
VERIFY_TOKEN = "simulator-verify-token"  # noqa: S105
LOGIN_CONFIG_ID = "1000000000000101"  # a Facebook Login for Business configuration of the app
INSTAGRAM_APP_ID = "1000000000000002"  # the app's Instagram product: an id and a secret of its own
INSTAGRAM_APP_SECRET = "simulator-instagram-app-secret"  # noqa: S105
INSTAGRAM_INBOX_APP_ID = "1217981644879628"
MESSENGER, INSTAGRAM = "messenger", "instagram"  # what Graph calls the two platforms
PAGE_INBOX_APP_ID = "263902037430900"  # what Meta's own Page inbox signs its echoes with
