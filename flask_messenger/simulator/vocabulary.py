"""The closed lists of the platform: versions, permissions, webhook fields, tags."""

from __future__ import annotations

# Newest last. A version that has expired is still answered, by the oldest that has not.
LIVE_VERSIONS = ("v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0")
EXPIRED_VERSIONS = tuple(f"v{number}.0" for number in range(3, 21))

PERMISSIONS: dict[str, str] = {
    "public_profile": "Your name and picture",
    "email": "Your email address",
    "pages_show_list": "Show a list of the Pages you manage",
    "pages_messaging": "Manage and read the conversations of your Pages in Messenger",
    "pages_manage_metadata": "Manage the settings and webhooks of your Pages",
    "pages_read_engagement": "Read the content posted on your Pages",
    "pages_read_user_content": "Read what people post on your Pages",
    "pages_manage_engagement": "Answer and moderate comments on your Pages",
    "page_utility_messaging": "Manage and access Page utility messaging",
    "page_events": "Log events on behalf of your Pages",
    "pages_user_locale": "Read the language of people who write to your Pages",
    "pages_user_timezone": "Read the time zone of people who write to your Pages",
    "pages_user_gender": "Read the gender of people who write to your Pages",
    "business_management": "Manage your business",
    "read_insights": "Read the insights of your Pages",
    "leads_retrieval": "Read the leads of your Pages",
    "instagram_basic": "See your Instagram profile",
    "instagram_manage_messages": "Manage and read your Instagram messages",
    "instagram_manage_comments": "Manage your Instagram comments",
    "instagram_manage_insights": "Read the insights of your Instagram account",
    "instagram_manage_events": "Log events on behalf of your Instagram account",
    "whatsapp_business_messaging": "Send and receive WhatsApp messages",
    "whatsapp_business_management": "Manage your WhatsApp accounts",
    "whatsapp_business_manage_events": "Log events on behalf of your WhatsApp accounts",
    "ads_read": "Read the performance of your ads",
    "ads_management": "Manage your ads",
    "catalog_management": "Manage your catalogues",
}
ALWAYS_GRANTED = "public_profile"
LOGIN_CONFIG_PERMISSIONS = (
    "pages_show_list",
    "pages_messaging",
    "pages_manage_metadata",
    "pages_read_engagement",
    "pages_read_user_content",
    "pages_manage_engagement",
    "page_utility_messaging",
    "instagram_basic",
    "instagram_manage_messages",
    "instagram_manage_comments",
)
INSTAGRAM_BASIC = "instagram_business_basic"
INSTAGRAM_PERMISSIONS: dict[str, str] = {
    INSTAGRAM_BASIC: "See your profile and your posts",
    "instagram_business_manage_messages": "Manage and read your messages",
    "instagram_business_manage_comments": "Manage your comments",
    "instagram_business_manage_insights": "Read your insights",
    "instagram_business_content_publish": "Publish on your behalf",
}

MESSAGING_FIELDS = frozenset(
    {
        "messages",
        "message_deliveries",
        "message_reads",
        "message_echoes",
        "message_edits",
        "message_reactions",
        "message_context",
        "message_mention",
        "messaging_postbacks",
        "messaging_optins",
        "messaging_optouts",
        "messaging_referrals",
        "messaging_handovers",
        "standby",
        "messaging_account_linking",
        "messaging_fblogin_account_linking",
        "messaging_policy_enforcement",
        "messaging_integrity",
        "messaging_feedback",
        "messaging_customer_information",
        "messaging_in_thread_lead_form_submit",
        "messaging_appointments",
        "messaging_direct_sends",
        "messaging_payments",
        "messaging_pre_checkouts",
        "messaging_checkout_updates",
        "messaging_game_plays",
        "response_feedback",
        "send_cart",
        "inbox_labels",
        "message_template_status_update",
        "marketing_message_deliveries",
        "marketing_message_delivery_failed",
        "marketing_message_reads",
        "marketing_message_clicks",
        "marketing_message_echoes",
    }
)
PAGE_FIELDS = MESSAGING_FIELDS | {
    "feed",
    "mention",
    "conversations",
    "ratings",
    "leadgen",
    "leadgen_update",
    "live_videos",
    "follow",
    "calls",
    "call_permission_reply",
    "call_settings_update",
    "business_integrity",
    "feature_access_list",
}
WEBHOOK_FIELDS: dict[str, frozenset[str]] = {
    "page": PAGE_FIELDS,
    "permissions": frozenset(PERMISSIONS),
    "user": frozenset({"name", "email", "picture"}),
    "instagram": frozenset(
        {
            "messages",
            "message_reactions",
            "message_edit",
            "message_edits",
            "messaging_postbacks",
            "messaging_seen",
            "messaging_referral",
            "messaging_optins",
            "messaging_handover",
            "standby",
            "comments",
            "live_comments",
            "mentions",
            "story_insights",
        }
    ),
}

MESSAGING_TYPES = ("RESPONSE", "UPDATE", "MESSAGE_TAG", "UTILITY")
NOTIFICATION_TYPES = ("REGULAR", "SILENT_PUSH", "NO_PUSH")
SENDER_ACTIONS = ("typing_on", "typing_off", "mark_seen", "react", "unreact")
LIVE_TAGS = ("HUMAN_AGENT", "CUSTOMER_FEEDBACK")
DEAD_TAGS = ("CONFIRMED_EVENT_UPDATE", "ACCOUNT_UPDATE", "POST_PURCHASE_UPDATE")
ATTACHMENT_TYPES = ("image", "audio", "video", "file", "template")
